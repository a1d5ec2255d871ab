"""Floor 3: the service: receivers in front, pipelines behind, start and drain."""
