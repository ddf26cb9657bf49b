variable "name" {
  description = "What the resources are called: up to 76 letters, digits, - and _."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,76}$", var.name))
    error_message = "Give up to 76 letters, digits, - and _."
  }
}

variable "bucket" {
  description = "The bucket that files land in; it must be in the provider's region and account."
  type        = string
}

variable "prefix" {
  description = "What the keys begin with, ending in /; empty is the whole bucket."
  type        = string
  default     = ""
}

variable "via" {
  description = "The way of the events: sqs (straight), sns or eventbridge."
  type        = string
  default     = "sqs"

  validation {
    condition     = contains(["sqs", "sns", "eventbridge"], var.via)
    error_message = "Give sqs, sns or eventbridge."
  }
}

variable "manage_bucket_notification" {
  description = "Whether this module owns the bucket's whole notification configuration. Terraform knows it only whole: where others are told too, set false and add the entry or the switch to the resource that owns it."
  type        = bool
  default     = true
}

variable "visibility_timeout_s" {
  description = "Seconds for which a received message is hidden from others."
  type        = number
  default     = 60
}

variable "message_retention_s" {
  description = "Seconds for which a message waits; SQS keeps it for 14 days at most."
  type        = number
  default     = 1209600
}

variable "max_receive_count" {
  description = "Deliveries after which a message goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 5
    error_message = "Files that cannot be seen yet are told of again: give 5 or more."
  }
}

variable "tags" {
  description = "Tags of each resource."
  type        = map(string)
  default     = {}
}
