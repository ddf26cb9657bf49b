terraform {
  required_version = ">= 1.5"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0"
    }
  }
}

locals {
  account_name = element(split("/", var.storage_account_id), 8)
  container_id = "${var.storage_account_id}/blobServices/default/containers/${var.container}"
  queue_id     = "${var.storage_account_id}/queueServices/default/queues/${azurerm_storage_queue.events.name}"
  poison_id    = "${var.storage_account_id}/queueServices/default/queues/${azurerm_storage_queue.poison.name}"
}

resource "azurerm_storage_queue" "events" {
  name               = var.name
  storage_account_id = var.storage_account_id
}

resource "azurerm_storage_queue" "poison" {
  name               = "${var.name}-poison"
  storage_account_id = var.storage_account_id
}

resource "azurerm_eventgrid_event_subscription" "events" {
  name                  = var.name
  scope                 = var.storage_account_id
  event_delivery_schema = "EventGridSchema"

  included_event_types = [
    "Microsoft.Storage.BlobCreated",
    "Microsoft.Storage.BlobRenamed",
    "Microsoft.Storage.DirectoryRenamed",
  ]

  storage_queue_endpoint {
    storage_account_id                    = var.storage_account_id
    queue_name                            = azurerm_storage_queue.events.name
    queue_message_time_to_live_in_seconds = -1
  }

  subject_filter {
    subject_begins_with = "/blobServices/default/containers/${var.container}/blobs/${var.prefix}"
    case_sensitive      = true
  }

  retry_policy {
    event_time_to_live    = var.event_ttl_minutes
    max_delivery_attempts = 30
  }
}

resource "azurerm_role_assignment" "files" {
  count = var.principal_id == null ? 0 : 1

  scope                = local.container_id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = var.principal_id
}

resource "azurerm_role_assignment" "messages" {
  for_each = var.principal_id == null ? toset([]) : toset([
    "Storage Queue Data Message Processor",
    "Storage Queue Data Reader",
  ])

  scope                = local.queue_id
  role_definition_name = each.value
  principal_id         = var.principal_id
}

resource "azurerm_role_assignment" "poison" {
  count = var.principal_id == null ? 0 : 1

  scope                = local.poison_id
  role_definition_name = "Storage Queue Data Message Sender"
  principal_id         = var.principal_id
}
