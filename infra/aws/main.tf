terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_s3_bucket" "landing" {
  bucket = var.bucket
}

locals {
  sender = {
    sqs         = "s3.amazonaws.com"
    sns         = "sns.amazonaws.com"
    eventbridge = "events.amazonaws.com"
  }[var.via]

  source_arn = {
    sqs         = data.aws_s3_bucket.landing.arn
    sns         = one(aws_sns_topic.events[*].arn)
    eventbridge = one(aws_cloudwatch_event_rule.events[*].arn)
  }[var.via]

  object_pattern = var.prefix == "" ? {} : { object = { key = [{ prefix = var.prefix }] } }
}

resource "aws_sqs_queue" "dead_letter" {
  name                      = "${var.name}-dlq"
  message_retention_seconds = var.message_retention_s
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue" "events" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout_s
  message_retention_seconds  = var.message_retention_s
  sqs_managed_sse_enabled    = true
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = var.max_receive_count
  })
}

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "LakestreamEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.events.arn]

    principals {
      type        = "Service"
      identifiers = [local.sender]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.source_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.url
  policy    = data.aws_iam_policy_document.queue.json
}

resource "aws_sns_topic" "events" {
  count = var.via == "sns" ? 1 : 0

  name = var.name
  tags = var.tags
}

data "aws_iam_policy_document" "topic" {
  count = var.via == "sns" ? 1 : 0

  statement {
    sid       = "LakestreamEvents"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.events[0].arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [data.aws_s3_bucket.landing.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "events" {
  count = var.via == "sns" ? 1 : 0

  arn    = aws_sns_topic.events[0].arn
  policy = data.aws_iam_policy_document.topic[0].json
}

resource "aws_sns_topic_subscription" "events" {
  count = var.via == "sns" ? 1 : 0

  topic_arn            = aws_sns_topic.events[0].arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.events.arn
  raw_message_delivery = true
}

resource "aws_cloudwatch_event_rule" "events" {
  count = var.via == "eventbridge" ? 1 : 0

  name = var.name
  tags = var.tags

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail      = merge({ bucket = { name = [var.bucket] } }, local.object_pattern)
  })
}

resource "aws_cloudwatch_event_target" "events" {
  count = var.via == "eventbridge" ? 1 : 0

  rule      = aws_cloudwatch_event_rule.events[0].name
  target_id = "queue"
  arn       = aws_sqs_queue.events.arn
}

resource "aws_s3_bucket_notification" "events" {
  count = var.manage_bucket_notification ? 1 : 0

  bucket      = var.bucket
  eventbridge = var.via == "eventbridge"

  dynamic "queue" {
    for_each = var.via == "sqs" ? [aws_sqs_queue.events.arn] : []

    content {
      id            = var.name
      queue_arn     = queue.value
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = var.prefix == "" ? null : var.prefix
    }
  }

  dynamic "topic" {
    for_each = aws_sns_topic.events[*].arn

    content {
      id            = var.name
      topic_arn     = topic.value
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = var.prefix == "" ? null : var.prefix
    }
  }

  # S3 tries what it is to tell before it takes the entry.
  depends_on = [aws_sqs_queue_policy.events, aws_sns_topic_policy.events]
}

data "aws_iam_policy_document" "stream" {
  statement {
    sid       = "ReceiveMessages"
    resources = [aws_sqs_queue.events.arn]

    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ]
  }

  statement {
    sid       = "ListFiles"
    actions   = ["s3:ListBucket"]
    resources = [data.aws_s3_bucket.landing.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.prefix}*"]
    }
  }

  statement {
    sid       = "ReadFiles"
    actions   = ["s3:GetObject"]
    resources = ["${data.aws_s3_bucket.landing.arn}/${var.prefix}*"]
  }
}
