"""What tests of the whole store share: stories told as signed messages, judged and applied as the workers do it."""
