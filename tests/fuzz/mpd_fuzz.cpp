#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <formats/mpd.hpp>

/// What was accepted is written and must be accepted again; its templates expand within a bound.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sg::formats;
    const auto parsed = mpd::parse({reinterpret_cast<const char*>(data), size});
    if (!parsed) return 0;
    for (const auto& period : parsed->periods)
        for (const auto& set : period.adaptation_sets)
            for (const auto& r : set.representations) {
                if (!r.segment_template) continue;
                const auto list = mpd::expand(*r.segment_template, 10'000'000, 1000);
                if (list && list->size() > 1000) std::abort();
                (void)mpd::fill_template(r.segment_template->media, r, 1, 2).has_value();
            }
    if (!mpd::parse(mpd::write(*parsed))) std::abort();
    return 0;
}
