def run(ground, repeat):
    return []
