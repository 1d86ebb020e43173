"""From the models to what partners read: JSON Schema, AsyncAPI, examples; generated, and kept fresh by a test."""
