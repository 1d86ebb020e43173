"""What routes for banks share: decisions, the JSON of financings, signed answers, other registries."""
