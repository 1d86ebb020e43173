"""Formats and rules of the exchange of documents between platforms, pure."""
