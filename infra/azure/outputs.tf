output "queue_url" {
  description = "For read_files(notifications=ls.AzureStorageQueue(...))."
  value       = "https://${local.account_name}.queue.core.windows.net/${azurerm_storage_queue.events.name}"
}

output "poison_queue" {
  description = "For ls.AzureStorageQueue(..., poison_queue=...)."
  value       = azurerm_storage_queue.poison.name
}

output "event_subscription_id" {
  description = "What tells the queue."
  value       = azurerm_eventgrid_event_subscription.events.id
}
