# What a team keeps in Terraform: a secret, a service's role that reads it, a
# deployer who may assume the role, and the guard rails around them.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" {}

variable "password_version" {
  default = 1
}

provider "aws" {
  region                      = "us-east-1"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = false
  skip_credentials_validation = false
  default_tags {
    tags = { managed = "terraform" }
  }
  endpoints {
    iam            = var.endpoint
    sts            = var.endpoint
    secretsmanager = var.endpoint
  }
}

data "aws_caller_identity" "me" {}

resource "aws_secretsmanager_secret" "database" {
  name                    = "tf/orders/database"
  description             = "the password of orders"
  recovery_window_in_days = 0
  tags                    = { team = "orders" }
  replica {
    region = "eu-west-1"
  }
}

resource "aws_secretsmanager_secret_rotation" "database" {
  secret_id           = aws_secretsmanager_secret_version.database.secret_id
  rotation_lambda_arn = "arn:aws:lambda:us-east-1:${data.aws_caller_identity.me.account_id}:function:strongroom-postgresql-single-user"
  rotate_immediately  = false
  rotation_rules {
    schedule_expression = "cron(0 4 ? * SUN *)"
    duration            = "3h"
  }
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id                = aws_secretsmanager_secret.database.id
  secret_string_wo         = jsonencode({ engine = "postgres", host = "127.0.0.1", port = 1, username = "orders", password = "hunter${var.password_version}" })
  secret_string_wo_version = var.password_version
}

resource "aws_secretsmanager_secret_policy" "database" {
  secret_arn = aws_secretsmanager_secret.database.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyOrders"
      Effect    = "Deny"
      Principal = "*"
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
      Condition = { ArnNotLike = { "aws:PrincipalArn" = [aws_iam_role.orders.arn, data.aws_caller_identity.me.arn] } }
    }]
  })
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.deployer.arn]
    }
  }
}

resource "aws_iam_role" "orders" {
  name                 = "tf-orders"
  path                 = "/services/"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200
  permissions_boundary = aws_iam_policy.boundary.arn
}

resource "aws_iam_role_policy" "read" {
  name = "read"
  role = aws_iam_role.orders.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = aws_secretsmanager_secret.database.arn }]
  })
}

resource "aws_iam_policy" "boundary" {
  name = "tf-boundary"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "secretsmanager:*", Resource = "*" }]
  })
}

resource "aws_iam_policy" "describe" {
  name = "tf-describe"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["secretsmanager:DescribeSecret", "secretsmanager:ListSecrets"], Resource = "*" }]
  })
}

resource "aws_iam_role_policy_attachment" "describe" {
  role       = aws_iam_role.orders.name
  policy_arn = aws_iam_policy.describe.arn
}

resource "aws_iam_user" "deployer" {
  name          = "tf-deployer"
  force_destroy = true
  tags          = { team = "platform" }
}

resource "aws_iam_access_key" "deployer" {
  user = aws_iam_user.deployer.name
}

resource "aws_iam_user_policy" "assume" {
  user   = aws_iam_user.deployer.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = aws_iam_role.orders.arn }] })
}

resource "aws_iam_user_policy_attachment" "describe" {
  user       = aws_iam_user.deployer.name
  policy_arn = aws_iam_policy.describe.arn
}

resource "aws_iam_group" "developers" {
  name = "tf-developers"
}

resource "aws_iam_group_policy" "list" {
  group  = aws_iam_group.developers.name
  policy = aws_iam_policy.describe.policy
}

resource "aws_iam_group_policy_attachment" "describe" {
  group      = aws_iam_group.developers.name
  policy_arn = aws_iam_policy.describe.arn
}

resource "aws_iam_user_group_membership" "deployer" {
  user   = aws_iam_user.deployer.name
  groups = [aws_iam_group.developers.name]
}

resource "aws_iam_openid_connect_provider" "gitlab" {
  url             = "https://gitlab.example"
  client_id_list  = ["https://gitlab.example"]
  thumbprint_list = ["cf23df2207d99a74fbe169e3eba035e633b65d94"]
}

# Read back in the same run, as a program's deployment does.
data "aws_secretsmanager_secret_version" "database" {
  secret_id  = aws_secretsmanager_secret.database.id
  depends_on = [aws_secretsmanager_secret_version.database, aws_secretsmanager_secret_policy.database]
}

output "length" {
  value     = nonsensitive(length(jsondecode(data.aws_secretsmanager_secret_version.database.secret_string).password))
}

output "key" {
  value     = "${aws_iam_access_key.deployer.id} ${aws_iam_access_key.deployer.secret}"
  sensitive = true
}

output "role" {
  value = aws_iam_role.orders.arn
}
