variable "name" {
  description = "What the resources are called: a letter, then 2 to 240 letters, digits, - and _."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_-]{2,240}$", var.name)) && !startswith(var.name, "goog")
    error_message = "Give a letter, then 2 to 240 letters, digits, - and _; not goog at the start."
  }
}

variable "project" {
  description = "The project of topic and subscriptions."
  type        = string
}

variable "bucket" {
  description = "The bucket that files land in; it may be another project's."
  type        = string
}

variable "bucket_project" {
  description = "The bucket's project; null is the same one."
  type        = string
  default     = null
}

variable "prefix" {
  description = "What the names begin with, ending in /; empty is the whole bucket."
  type        = string
  default     = ""
}

variable "ack_deadline_s" {
  description = "Seconds for which a received message is hidden from others."
  type        = number
  default     = 60
}

variable "message_retention" {
  description = "For how long a message waits, in seconds."
  type        = string
  default     = "604800s"
}

variable "max_delivery_attempts" {
  description = "Deliveries after which a message goes to the dead-letter topic."
  type        = number
  default     = 5

  validation {
    condition     = var.max_delivery_attempts >= 5 && var.max_delivery_attempts <= 100
    error_message = "Pub/Sub takes 5 to 100."
  }
}

variable "member" {
  description = "Who runs the stream and gets the least that it needs (serviceAccount:...); null grants nothing."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels of each resource."
  type        = map(string)
  default     = {}
}
