#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "verify_model.hpp"

// Where a presentation is discontinuous, all of its renditions must be.

namespace sg::engine {
namespace {

/// Players wait where pictures or sound are missing for longer.
constexpr double kMostMissing = 0.1;

double seconds(const Track& track) {
    std::int64_t us = 0;
    for (const auto& s : track.segments) us += std::max<std::int64_t>(0, s.duration_us);
    return static_cast<double>(us) / 1e6;
}

class DiscontinuityChecker {
  public:
    DiscontinuityChecker(VerifyRun& run, const HlsPresentation& hls) : run_(run), hls_(hls) {}

    void check();

  private:
    void compare(const std::vector<const Track*>& reference,
                 const std::vector<const Track*>& other);

    VerifyRun& run_;
    const HlsPresentation& hls_;
};

void DiscontinuityChecker::compare(const std::vector<const Track*>& reference,
                                   const std::vector<const Track*>& other) {
    auto& book = run_.checks;
    const auto& subject = other.front()->subject;
    // RFC 8216 section 6.2.4: content that matches has matching Discontinuity Sequence Numbers.
    if (!book.expect(other.size() == reference.size() &&
                         other.front()->stretch == reference.front()->stretch,
                     kind::kAligned,
                     subject,
                     [&] {
                         return fmt::format("it has {} discontinuities, {} has {}",
                                            other.size() - 1,
                                            reference.front()->subject,
                                            reference.size() - 1);
                     }))
        return;
    double at = 0;
    double reference_at = 0;
    for (std::size_t i = 0; i + 1 < other.size(); ++i) {
        const double own = seconds(*other[i]);
        const double wanted = seconds(*reference[i]);
        at += own;
        reference_at += wanted;
        const auto say = [&] {
            return fmt::format(
                "its discontinuity {} comes after {:.3f} s, that of {} after {:.3f} s",
                i + 1,
                at,
                reference.front()->subject,
                reference_at);
        };
        // What only one of them has is no longer than the target duration (RFC 8216 section 6.2.4).
        const double apart = std::abs(own - wanted);
        book.expect(
            apart <= static_cast<double>(other[i]->target_seconds), kind::kAligned, subject, say);
        book.recommend(apart <= kMostMissing, kind::kAligned, subject, say);
    }
}

void DiscontinuityChecker::check() {
    std::vector<std::string> uris;
    for (const auto& v : hls_.list.variants) uris.push_back(v.uri);
    for (const auto& r : hls_.list.renditions)
        if (!r.uri.empty()) uris.push_back(r.uri);
    std::vector<const Track*> reference;
    for (const auto& uri : uris) {
        auto tracks = tracks_of(run_, hls_.name, uri);
        // The windows of live playlists are read one after the other.
        if (tracks.empty() || !tracks.front()->ended) continue;
        if (reference.empty())
            reference = std::move(tracks);
        else if (tracks.front() != reference.front())
            compare(reference, tracks);
    }
}

}  // namespace

void check_discontinuities(VerifyRun& run) {
    for (const auto& hls : run.presentation.hls) DiscontinuityChecker(run, hls).check();
}

}  // namespace sg::engine
