/* SPDX-License-Identifier: MIT
 *
 * The measure worker's view of a request (measure.h has PID 1's).
 */
#ifndef TAO_MEASURE_REQUEST_H
#define TAO_MEASURE_REQUEST_H

#include "measure.h"

/* One request, checked. The paths are absolute, NUL-terminated, and stand in the message. */
struct measure_job {
	struct measure_request request;
	const char *path;
	const char *files[MEASURE_FILES_MAX];
	const char *parts[MEASURE_PARTS_MAX];
};

/* false: malformed. Any bytes are fine as input. */
bool measure_unpack(struct span message, struct measure_job *job);

#endif
