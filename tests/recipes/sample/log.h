/* SPDX-License-Identifier: MIT */
#pragma once

void log_open(void);
void log_close(void);
