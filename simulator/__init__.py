"""A fake WhatsApp Cloud API with a page that looks like a phone: the demo, the tests and the benchmarks use it."""
