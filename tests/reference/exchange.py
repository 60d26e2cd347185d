"""Training against thinking again: the closed form inside the span. Twin of model/layers/exchange.py."""

import math


def exchange(train, serve, gamma, delta, thinking_max):
    """Eq. N.13: the slope of T tau**(-delta/gamma) + V tau is zero where tau**(1 + delta/gamma) = delta T / (gamma V)."""
    tau = (delta * train / (gamma * serve)) ** (gamma / (gamma + delta))
    tau = min(max(tau, 1.0), thinking_max)
    return math.exp(-delta / gamma * math.log(tau)), tau
