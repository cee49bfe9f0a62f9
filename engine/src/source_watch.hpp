#pragma once

#include <string>

#include <sys/stat.h>

#include <base/result.hpp>
#include <pipeline/plan.hpp>

namespace sg::engine {

/// Notices that a source was written to after it was opened. The descriptor is borrowed.
class SourceWatch {
  public:
    SourceWatch() = default;
    SourceWatch(int fd, std::string name);

    /// Cheap while size and times stand; else the bytes decide. kMismatch: it is not what was
    /// planned.
    [[nodiscard]] Status check(const pipeline::SourceIdentity& planned);

  private:
    int fd_ = -1;
    std::string name_;
    struct stat seen_ {};
};

}  // namespace sg::engine
