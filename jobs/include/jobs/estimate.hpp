#pragma once

namespace sg::jobs {

/// Seconds until a job's end, with an interval that should hold nine times of ten.
struct TimeLeft {
    double seconds = 0;
    double low = 0;
    double high = 0;
};

/// From what the plan and the history of speeds say is left, and from how far the job came in the
/// time it had: the second counts the more the further it is. `spent_s` since it began to encode;
/// `found`: the percentage that an earlier attempt had left it then.
[[nodiscard]] TimeLeft time_left(const TimeLeft& planned,
                                 double spent_s,
                                 double percent,
                                 double found = 0);

}  // namespace sg::jobs
