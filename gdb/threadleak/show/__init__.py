# SPDX-License-Identifier: MIT
"""Verdicts in, text out. No logic."""
