"""Attention again, as the text of the equations. Twin of model/markets/attention.py."""

import math


def allot(own, requested, weight, p):
    """Eq. M.20, one person a turn: (answered, committed, shadow, applications, leisure)."""
    out = []
    for mine, asked, b in zip(own, requested, weight, strict=True):
        month = p.hours_per_month
        room = p.committed_share_max * month - mine
        if room < 0:
            room = 0.0
        answered = room / asked if asked > room else 1.0
        committed = mine + answered * asked
        mu = b / (month - committed)
        applications = p.application_share * b / mu  # claimant j gets b_j / mu
        leisure = month - committed - applications
        out.append((answered, committed, mu, applications, leisure))
    return out


def examined(values, token_usd, p):
    """Eq. M.21."""
    out = []
    for v in values:
        k = p.candidate_spread / (p.candidate_dilution + p.candidate_tokens * token_usd / v)
        out.append(1.0 if k < 1 else p.candidates_max if k > p.candidates_max else k)
    return out


def choice_gain(candidates, p, kept=1.0):
    """Eq. M.22."""
    out = []
    for k in candidates:
        better, diluted = 1 + kept * p.candidate_spread * math.log(k), 1 - p.candidate_dilution * (k - 1)
        out.append(better * diluted if better > 0 else 0.0)
    return out
