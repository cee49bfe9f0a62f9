#include "plan_filters.hpp"

#include <fmt/format.h>

#include <transcoders/filters.hpp>

namespace sg::engine {
namespace {

using pipeline::FilterStep;

bool may_be_interlaced(const ingest::StreamFacts& s) {
    if (s.video.interlaced) return true;
    // These often carry fields without saying so in the container; the decoder flags each frame.
    const auto& codec = s.codec_detail;
    return s.video.field_order == "unknown" &&
           (codec == "mpeg2video" || codec == "dvvideo" || codec == "vc1");
}

void add_deinterlacer(Planning& p) {
    const auto mode = p.preset.deinterlace.mode;
    const bool always = mode == presets::Deinterlace::kAlways;
    if (mode == presets::Deinterlace::kOff || (!always && !may_be_interlaced(*p.video))) return;
    // Doubling is for what is known to be fields: progressive pictures would only be shown twice.
    p.fields_become_pictures = p.preset.deinterlace.output == presets::FieldOutput::kField &&
                               (always || p.video->video.interlaced);
    const auto steps = transcoders::deinterlace_filters(
        p.fields_become_pictures ? transcoders::DeinterlaceOutput::kField
                                 : transcoders::DeinterlaceOutput::kFrame,
        always ? transcoders::DeinterlaceWhich::kAll : transcoders::DeinterlaceWhich::kFlagged,
        transcoders::FieldOrder::kAuto);
    auto& filters = p.plan.video.source_filters;
    filters.insert(filters.end(), steps.begin(), steps.end());
    if (always) {
        p.note("deinterlaced", kSource, "the preset deinterlaces every picture");
    } else if (p.video->video.interlaced) {
        p.note(
            "deinterlaced",
            kSource,
            fmt::format("the source is interlaced (field order {})", p.video->video.field_order));
    } else {
        p.note("deinterlaced", kSource, "pictures that say they are interlaced are deinterlaced");
    }
}

void add_denoiser(Planning& p) {
    // Frames after which what hqdn3d remembers of earlier ones no longer shows.
    constexpr std::int64_t kMemory = 12;
    const char* strength = nullptr;
    switch (p.preset.filters.denoise) {
        case presets::Denoise::kOff:
            return;
        case presets::Denoise::kLight:
            strength = "luma_spatial=2:chroma_spatial=1.5:luma_tmp=3:chroma_tmp=2.25";
            break;
        case presets::Denoise::kMedium:
            strength = "luma_spatial=4:chroma_spatial=3:luma_tmp=6:chroma_tmp=4.5";
            break;
    }
    p.plan.video.source_filters.push_back({"hqdn3d", strength, kMemory, 0});
}

/// "hqdn3d=2,eq=contrast=1.05". The preset's check allows no quotes, so every comma parts two
/// filters.
void add_custom(Planning& p) {
    const auto& wanted = p.preset.filters;
    std::string rest = wanted.custom;
    bool first = true;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        std::string one = rest.substr(0, comma);
        rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
        one.erase(0, one.find_first_not_of(' '));
        const auto equals = one.find('=');
        FilterStep step;
        step.name = one.substr(0, equals);
        while (step.name.ends_with(' ')) step.name.pop_back();
        if (equals != std::string::npos) step.args = one.substr(equals + 1);
        if (first) {
            step.frames_before = wanted.frames_before;
            step.frames_after = wanted.frames_after;
        }
        first = false;
        p.plan.video.source_filters.push_back(std::move(step));
    }
}

}  // namespace

void choose_source_filters(Planning& p) {
    add_deinterlacer(p);
    const auto before = p.plan.video.source_filters.size();
    add_denoiser(p);
    add_custom(p);
    // A filter may have no way to work in the source's own format.
    if (p.plan.video.source_filters.size() > before) {
        p.plan.video.source_filters.push_back(
            {"format", transcoders::working_pixel_format(p.video->video.pixel_format), 0, 0});
    }
}

}  // namespace sg::engine
