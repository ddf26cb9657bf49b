terraform {
  required_version = ">= 1.5"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 5.0"
    }
  }
}

data "google_project" "this" {
  project_id = var.project
}

data "google_storage_project_service_account" "storage" {
  project = coalesce(var.bucket_project, var.project)
}

locals {
  publisher  = "serviceAccount:${data.google_storage_project_service_account.storage.email_address}"
  dead_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic" "events" {
  name    = var.name
  project = var.project
  labels  = var.labels
}

resource "google_pubsub_topic" "dead_letter" {
  name    = "${var.name}-dead"
  project = var.project
  labels  = var.labels
}

resource "google_pubsub_topic_iam_member" "publisher" {
  topic   = google_pubsub_topic.events.id
  project = var.project
  role    = "roles/pubsub.publisher"
  member  = local.publisher
}

resource "google_pubsub_subscription" "events" {
  name                       = var.name
  project                    = var.project
  topic                      = google_pubsub_topic.events.id
  ack_deadline_seconds       = var.ack_deadline_s
  message_retention_duration = var.message_retention
  labels                     = var.labels

  expiration_policy {
    ttl = ""
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letter.id
    max_delivery_attempts = var.max_delivery_attempts
  }
}

# A topic keeps nothing: without a subscription, dead letters would be gone.
resource "google_pubsub_subscription" "dead_letter" {
  name                       = "${var.name}-dead"
  project                    = var.project
  topic                      = google_pubsub_topic.dead_letter.id
  message_retention_duration = var.message_retention
  labels                     = var.labels

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "dead_letter" {
  topic   = google_pubsub_topic.dead_letter.id
  project = var.project
  role    = "roles/pubsub.publisher"
  member  = local.dead_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letter" {
  subscription = google_pubsub_subscription.events.id
  project      = var.project
  role         = "roles/pubsub.subscriber"
  member       = local.dead_agent
}

resource "google_storage_notification" "events" {
  bucket             = var.bucket
  topic              = google_pubsub_topic.events.id
  payload_format     = "NONE"
  event_types        = ["OBJECT_FINALIZE"]
  object_name_prefix = var.prefix == "" ? null : var.prefix

  depends_on = [google_pubsub_topic_iam_member.publisher]
}

resource "google_pubsub_subscription_iam_member" "stream" {
  for_each = var.member == null ? toset([]) : toset(["roles/pubsub.subscriber", "roles/pubsub.viewer"])

  subscription = google_pubsub_subscription.events.id
  project      = var.project
  role         = each.value
  member       = var.member
}

resource "google_storage_bucket_iam_member" "stream" {
  count = var.member == null ? 0 : 1

  bucket = var.bucket
  role   = "roles/storage.objectViewer"
  member = var.member
}
