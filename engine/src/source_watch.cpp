#include "source_watch.hpp"

#include <utility>

#include <ingest/identity.hpp>

namespace sg::engine {
namespace {

bool same(const struct stat& a, const struct stat& b) {
    return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

SourceWatch::SourceWatch(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
    ::fstat(fd_, &seen_);
}

Status SourceWatch::check(const pipeline::SourceIdentity& planned) {
    struct stat now {};
    if (fd_ < 0 || ::fstat(fd_, &now) != 0 || same(seen_, now)) return {};
    SG_TRY_ASSIGN(const auto identity, ingest::identify(fd_, name_));
    if (identity == planned) {
        seen_ = now;
        return {};
    }
    return Error{
        Errc::kMismatch,
        "read " + name_ + ": the file changed while it was read; run again when it is complete"};
}

}  // namespace sg::engine
