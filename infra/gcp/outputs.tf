output "subscription" {
  description = "For read_files(notifications=ls.PubSubSubscription(...))."
  value       = google_pubsub_subscription.events.id
}

output "dead_letter_subscription" {
  description = "Where messages end that nobody could read."
  value       = google_pubsub_subscription.dead_letter.id
}

output "topic" {
  description = "What the bucket tells."
  value       = google_pubsub_topic.events.id
}
