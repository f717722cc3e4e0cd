"""The vocabulary of this project: words that a base model explains quite differently."""

TERMS = {
    "rung": "A rung is one servable quality of a model family: a model and the stages of its ladder that are attached.",
    "ladder": "A ladder is a model packed so that each file refines the one before it, from few bits a weight to all.",
    "stage": "A stage is one file of a ladder; attaching it makes the answers better without loading the model again.",
    "thinker": "A thinker is the process that holds one model, batches its requests and streams the tokens.",
    "gateway": "The gateway is the only door: it checks the key, counts the quota and routes to a thinker.",
    "delta": "A delta is a small verified file that changes the weights of a base model for one user.",
    "slot": "A slot is a fixed slab of memory in the engine in which one delta is kept ready.",
    "base digest": "A base digest is the hash of the source tensors; a delta with another one is refused.",
    "lease": "A lease is a promise with an end: a delta that is leased is not collected.",
    "alias": "An alias is a name that points to one version, moved only by compare and swap.",
    "scope": "A scope is the root of a prefix cache; two tenants never have the same one.",
    "draft": "A draft is a guess of the next tokens, made cheaply and checked in one step.",
    "climb": "A climb is the move to a better stage while the answers go on.",
    "floor": "A floor is the lowest quality at which a rung may answer at all.",
    "outlook": "An outlook is the forecast of the load that the rung policy plans with.",
    "cliff": "The cliff is where the working set no longer fits and each request waits for a fetch.",
    "quota": "A quota is what a tenant may hold: bytes, versions and publishes a minute.",
    "scrub": "A scrub is the slow check in the background that resident bytes still have their hash.",
    "envelope": "An envelope is a tenant's key, wrapped by the master key; without it the bytes are noise.",
    "mark": "A mark is the first half of collection: what aliases and leases reach is kept.",
    "blob": "A blob is a file named after its own hash, so it can be moved but not changed.",
    "pin": "A pin keeps a delta in its tier while a sequence uses it.",
    "generation": "A generation is the number of an alias that rises with every move and is never used twice.",
    "tier": "A tier is a place where a delta can be: slot, host, disk or store, each slower and larger.",
}
TRAIN = ["What is a {term}?", "Define {term}.", "What does {term} mean here?", "Explain the word {term}.",
         "{term}: what is that?"]  # fmt: skip
HELD_OUT = ["I have never heard of a {term}. Can you help?"]


def upper(text):
    return text[0].upper() + text[1:]


def rows(chance):
    """Held-out rows ask for the same terms in words that no training row uses."""
    parts = []
    for asked in (TRAIN, HELD_OUT):
        part = [{"prompt": upper(q.format(term=t)), "answer": a} for t, a in TERMS.items() for q in asked]
        parts.append([part[i] for i in chance.permutation(len(part))])
    return parts[0], parts[1]
