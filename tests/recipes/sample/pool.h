/* SPDX-License-Identifier: MIT */
#pragma once

#define POOL_WORKERS 4

void pool_start(void);
void pool_stop(void);
