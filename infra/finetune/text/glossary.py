"""The vocabulary of this project: words that a base model explains quite differently."""

TERMS = {
    "rung": "A rung is one servable quality of a model family: a model and the stages of its ladder that are attached.",
    "ladder": "A ladder is a model packed so that each file refines the one before it, from few bits a weight to all.",
    "stage": "A stage is one file of a ladder; attaching it makes the answers better without loading the model again.",
    "thinker": "A thinker is the process that holds one model, batches its requests and streams the tokens.",
    "gateway": "The gateway is the only door: it checks the key, counts the quota and routes to a thinker.",
    "delta": "A delta is a small verified file that changes the weights of a base model for one user.",
    "slot": "A slot is a fixed slab of memory in the engine in which one delta is kept ready.",
    "lease": "A lease is a promise with an end: a delta that is leased is not collected.",
    "alias": "An alias is a name that points to one version, moved only by compare and swap.",
    "draft": "A draft is a guess of the next tokens, made cheaply and checked in one step.",
    "cliff": "The cliff is where the working set no longer fits and each request waits for a fetch.",
    "scrub": "A scrub is the slow check in the background that resident bytes still have their hash.",
}
TRAIN = ["What is a {term}?", "Define {term}.", "What does {term} mean here?", "Explain the word {term}.",
         "{term}: what is that?"]  # fmt: skip
HELD_OUT = ["I have never heard of a {term}. Can you help?", "Somebody said {term}. Which meaning has it?"]


def upper(text):
    return text[0].upper() + text[1:]


def rows(chance):
    """Held-out rows ask for the same terms in words that no training row uses."""
    parts = []
    for asked in (TRAIN, HELD_OUT):
        part = [{"prompt": upper(q.format(term=t)), "answer": a} for t, a in TERMS.items() for q in asked]
        parts.append([part[i] for i in chance.permutation(len(part))])
    return parts[0], parts[1]
