#include <algorithm>

#include <engine/verify.hpp>
#include <media_av/check.hpp>

#include "verify_fetch.hpp"
#include "verify_http.hpp"
#include "verify_model.hpp"
#include "verify_read.hpp"

namespace sg::engine {

bool MeasuredStream::complete() const {
    return !segments.empty() &&
           std::all_of(
               segments.begin(), segments.end(), [](const MeasuredSegment& s) { return s.known; });
}

std::int64_t MeasuredStream::samples() const {
    std::int64_t sum = 0;
    for (const auto& s : segments) sum += s.samples;
    return sum;
}

std::int64_t MeasuredStream::duration() const {
    std::int64_t sum = 0;
    for (const auto& s : segments) sum += s.duration;
    return sum;
}

std::int64_t MeasuredStream::shown_end() const {
    return segments.back().first_shown + segments.back().duration - edit_shift;
}

const MeasuredStream* Track::main_stream() const {
    for (const auto wanted : {StreamType::kVideo, StreamType::kAudio, StreamType::kOther}) {
        for (const auto& s : streams) {
            if (s.type == wanted) return &s;
        }
    }
    return nullptr;
}

std::vector<packagers::TimedBytes> Track::timed_bytes() const {
    std::vector<packagers::TimedBytes> out;
    const auto* stream = main_stream();
    if (stream == nullptr || !stream->complete() || stream->segments.size() != segments.size())
        return out;
    for (const auto& s : stream->segments) out.push_back({s.bytes, s.duration});
    return out;
}

Result<VerifyReport> verify(const std::string& location, const VerifyOptions& options) {
    return verify_through(make_direct_getter(), location, options);
}

Result<VerifyReport> verify_through(std::unique_ptr<HttpGetter> getter,
                                    const std::string& location,
                                    const VerifyOptions& options) {
    // Damage is reported by us.
    av::route_log();
    SG_TRY_ASSIGN(const auto opened, open_location(location, std::move(getter), options.stop));
    Presentation presentation;
    CheckBook checks;
    VerifyRun run{*opened.fetcher, presentation, checks};
    for (const auto& name : opened.manifests) {
        const bool dash = name.substr(0, name.find('?')).ends_with(".mpd");
        SG_TRY(dash ? load_dash(run, name) : load_hls(run, name));
    }
    SG_TRY(read_tracks(run, options));
    check_unreferenced(run);
    check_playlist_durations(run);
    check_iframes(run);
    check_hls_declared(run);
    check_hls_bandwidth(run);
    check_dash(run);
    check_alignment(run, options.plan != nullptr);
    check_discontinuities(run);
    if (options.plan != nullptr) check_plan(run, *options.plan);
    if (options.progress) options.progress(1.0);

    VerifyReport report;
    report.checks = checks.rows();
    for (const auto& t : presentation.tracks) {
        report.segments += static_cast<std::int64_t>(t.segments.size());
        report.pictures_decoded += t.pictures_decoded;
    }
    return report;
}

}  // namespace sg::engine
