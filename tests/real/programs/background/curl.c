/* SPDX-License-Identifier: MIT
 *
 * libcurl gives up looking for a name, and leaves the thread that looks to itself. The looking never ends
 * here: this getaddrinfo is found before that of libc.
 */
#include <curl/curl.h>
#include <netdb.h>

#include "background.h"

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    (void)name, (void)service, (void)hints, (void)result;
    for (;;)
        pause();
}

int main(void)
{
    CURL *curl = curl_easy_init();
    must(!curl_easy_setopt(curl, CURLOPT_URL, "http://name.invalid/") &&
         !curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 50L) && !curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L));
    must(curl_easy_perform(curl) == CURLE_OPERATION_TIMEDOUT);
    start_own();
    ready();
}
