variable "memorykit_key" {
  default = "ctx_s8tX1DxXhlwy0wQPo9uj9mq8eOX1ZXVuBjaEqCVKrS4Vczqe"
}
