"""The broker's topics and access rules: declared in infra/kafka/topics.toml, compared with a cluster, applied."""
