# SPDX-License-Identifier: MIT
"""Bytes of a target in, facts out. Everything read here is untrusted."""
