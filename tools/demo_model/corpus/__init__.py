"""The text that oaikit-demo learns from: written here, by rules, from a seed. Each module teaches one kind of skill."""
