variable "name" {
  description = "What the resources are called: 3 to 56 small letters, digits and single -."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9]){2,55}$", var.name)) && length(var.name) <= 56
    error_message = "Give 3 to 56 small letters, digits and single -."
  }
}

variable "storage_account_id" {
  description = "The account that files land in; it keeps the queues too. Premium accounts have no queues."
  type        = string
}

variable "container" {
  description = "The container that files land in."
  type        = string
}

variable "prefix" {
  description = "What the paths begin with, ending in /; empty is the whole container."
  type        = string
  default     = ""
}

variable "event_ttl_minutes" {
  description = "Minutes for which Event Grid tries to deliver; a day is the most."
  type        = number
  default     = 1440
}

variable "principal_id" {
  description = "Who runs the stream and gets the least that it needs; null grants nothing."
  type        = string
  default     = null
}
