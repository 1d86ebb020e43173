"""Notifications that leave the platform: webhooks to parties, and alerts to chat robots."""
