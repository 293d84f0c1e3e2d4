"""Strict Mondrian in plain Python, after LeFevre et al. (ICDE 2006) as commonly written with lists and dictionaries: what the kernel is timed beside.

Reads rows of whole numbers (ranks), one a line, separated by spaces; the first line is k. Prints seconds, classes and the certainty penalty in percent.
"""
import sys
import time


def main():
    lines = sys.stdin.read().split("\n")
    k = int(lines[0])
    rows = [tuple(map(int, line.split())) for line in lines[1:] if line]
    columns = range(len(rows[0]))
    started = time.perf_counter()
    low = [min(row[q] for row in rows) for q in columns]
    high = [max(row[q] for row in rows) for q in columns]
    spans = [max(1, high[q] - low[q]) for q in columns]
    classes, penalty = 0, 0.0
    open_parts = [(rows, low, high)]
    while open_parts:
        members, low, high = open_parts.pop()
        low, high = list(low), list(high)
        allowed = set(columns)
        parts = None
        while allowed and parts is None:
            q = max(allowed, key=lambda each: ((high[each] - low[each]) / spans[each], -each))
            allowed.discard(q)
            parts = cut(members, low, high, q, k)
        if parts is None:
            classes += 1
            penalty += len(members) * sum((high[q] - low[q]) / spans[q] for q in columns)
        else:
            open_parts.extend(parts)
    print(f"{time.perf_counter() - started:.3f} {classes} {100 * penalty / len(rows) / len(spans):.4f}")


def cut(members, low, high, q, k):
    frequency = {}
    for row in members:
        frequency[row[q]] = frequency.get(row[q], 0) + 1
    values = sorted(frequency)
    low[q], high[q] = values[0], values[-1]
    middle = len(members) // 2
    if middle < k or len(values) < 2:
        return None
    counted = 0
    for at, value in enumerate(values):
        counted += frequency[value]
        if counted >= middle:
            break
    if counted < k or len(members) - counted < k:
        return None
    left_high, right_low = list(high), list(low)
    left_high[q], right_low[q] = value, values[at + 1]
    return [([row for row in members if row[q] <= value], low, left_high), ([row for row in members if row[q] > value], right_low, high)]


main()
