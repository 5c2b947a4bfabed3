"""Puente: the WhatsApp line between families of children with cancer and the institute that treats them."""
