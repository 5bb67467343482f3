"""A small byte-pair vocabulary for open_clip's SimpleTokenizer, learnt from the package's words."""

from __future__ import annotations

import gzip
import itertools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from vla_gym.io import replace_file
from vla_gym.vlm.model_folder import BPE_FILE


def learn_merges(words: Iterable[str], limit: int = 3000) -> list[tuple[str, str]]:
    """Learn byte-pair merges until every word is one token.

    Letters outside the list stay as single-byte tokens, so any text can be encoded.

    Args:
        words: Lower-case words, letters only; repeats count as frequency.
        limit: Most merges.

    Returns:
        Merges in the order in which they apply.
    """
    counts = Counter(words)
    pieces = {w: [*w[:-1], w[-1] + "</w>"] for w in sorted(counts) if w}
    merges: list[tuple[str, str]] = []
    while len(merges) < limit:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in pieces.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        # ties fall to the alphabet, so that the file does not depend on hashing
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            pieces[word] = _apply(parts, best)
    return merges


def _apply(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out, i = [], 0
    while i < len(parts):
        if tuple(parts[i : i + 2]) == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


def write_merges(merges: list[tuple[str, str]], folder: Path) -> Path:
    """Write the merges as open_clip's SimpleTokenizer reads them.

    Args:
        merges: From `learn_merges`.
        folder: Where the file goes.

    Returns:
        The file's path.
    """
    path = folder / BPE_FILE
    text = "\n".join(["#version: vla_gym", *(" ".join(m) for m in merges)])
    # a fixed time stamp keeps the bytes the same from run to run
    replace_file(path, lambda file: file.write(gzip.compress(text.encode(), mtime=0)))
    return path


def vocabulary_size(merges: list[tuple[str, str]]) -> int:
    """Tokens of a SimpleTokenizer: bytes, bytes at word ends, merges, two ends."""
    return 256 * 2 + len(merges) + 2
