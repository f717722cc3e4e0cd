"""Several texts in one sequence, so that nothing is padded and what all of them begin with is computed once."""

import numpy as np


def shared_prefix(rows):
    """How many tokens all rows begin with, short of any answer. rows: (tokens, where the answer begins)."""
    first, most = rows[0][0], min(at for _, at in rows) - 1
    return next((i for i in range(most) if any(ids[i] != first[i] for ids, _ in rows)), most)


def pack(rows, width, answers):
    """Arrays of one packed sequence: tokens, positions and segments [width]; places and wanted [answers].

    Segment 0 is what all rows begin with; each row attends to it and to itself. places: where the token before an
    answer's token is; wanted: that token, -1 beyond the end.
    """
    prefix = shared_prefix(rows) if len(rows) > 1 else 0
    tokens, positions, segments = np.zeros(width, np.int32), np.zeros(width, np.int32), np.full(width, -1, np.int32)
    places, wanted = np.zeros(answers, np.int32), np.full(answers, -1, np.int32)
    tokens[:prefix], positions[:prefix], segments[:prefix] = rows[0][0][:prefix], np.arange(prefix), 0
    end, count = prefix, 0
    for index, (ids, at) in enumerate(rows):
        size, answer = len(ids) - prefix, len(ids) - at
        tokens[end : end + size], positions[end : end + size] = ids[prefix:], np.arange(prefix, len(ids))
        segments[end : end + size] = index + 1
        places[count : count + answer] = end + np.arange(at, len(ids)) - prefix - 1
        wanted[count : count + answer] = ids[at:]
        end, count = end + size, count + answer
    return tokens, positions, segments, places, wanted


def packed_all(groups):
    """Every group of rows packed, all of one size: one compilation serves them."""
    width = max(sum(len(ids) for ids, _ in g) - (len(g) - 1) * (shared_prefix(g) if len(g) > 1 else 0) for g in groups)
    answers = max(sum(len(ids) - at for ids, at in g) for g in groups)
    return [pack(group, -(-width // 16) * 16, answers) for group in groups]
