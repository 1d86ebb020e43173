"""The demo: a simulated world in accelerated time through the whole platform, compared with its own truth."""
