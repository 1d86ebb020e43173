"""What the tracking page says of a consignment: computed from what its viewer may see, without words of any language. Pure."""
