output "queue_url" {
  description = "For read_files(notifications=ls.SqsQueue(...))."
  value       = aws_sqs_queue.events.url
}

output "queue_arn" {
  description = "The queue, for whoever owns the bucket's notifications."
  value       = aws_sqs_queue.events.arn
}

output "dead_letter_queue_url" {
  description = "Where messages end that nobody could read."
  value       = aws_sqs_queue.dead_letter.url
}

output "stream_policy" {
  description = "The least that a run of the stream needs on bucket and queue, as an IAM policy."
  value       = data.aws_iam_policy_document.stream.json
}
