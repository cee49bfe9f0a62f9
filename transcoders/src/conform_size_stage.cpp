#include <algorithm>
#include <optional>
#include <variant>

#include <fmt/format.h>

#include <media_av/libav.hpp>
#include <transcoders/filters.hpp>
#include <transcoders/frame_filter_stage.hpp>

#include "filter_chain.hpp"
#include "frame_format.hpp"

namespace sg::transcoders {

using media::Frame;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

namespace {

/// swscale's name of a matrix, for conversions from RGB; BT.709 when nothing is said, as encoders
/// will assume.
const char* matrix_name(int matrix) {
    switch (matrix) {
        case 5:
        case 6:
            return "smpte170m";
        case 7:
            return "smpte240m";
        case 4:
            return "fcc";
        case 9:
        case 10:
            return "bt2020";
        default:
            return "bt709";
    }
}

bool is_rgb(const std::string& name) {
    const auto* descriptor = av_pix_fmt_desc_get(av_get_pix_fmt(name.c_str()));
    return descriptor != nullptr &&
           (descriptor->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

}  // namespace

struct ConformSizeStage::State {
    PictureFormat format;
    media::StreamInfoPtr input;
    std::optional<FilterChain> chain;
    bool passes = false;
    bool announced = false;

    /// Where a picture of the input's shape lies in ours.
    [[nodiscard]] std::string conversion() const {
        const auto& in = *input;
        const auto in_sar = in.sar.positive() ? in.sar : media::Rational{1, 1};
        const auto out_sar = format.sar.positive() ? format.sar : media::Rational{1, 1};
        // Width of the picture in our pixels when its height fills ours.
        auto width = media::mul_div(format.height * in_sar.num * out_sar.den,
                                    in.width,
                                    std::max<std::int64_t>(1, in_sar.den * out_sar.num * in.height),
                                    media::Rounding::kNearest);
        auto height = format.height;
        if (width > format.width) {
            height = media::mul_div(format.height, format.width, width, media::Rounding::kNearest);
            width = format.width;
        }
        const auto fit = [](std::int64_t value, std::int64_t most) {
            return value >= most ? most : std::max<std::int64_t>(2, value / 2 * 2);
        };
        // A rounding of the shape by a pixel or two is not worth black lines.
        if (format.width - width <= 2) width = format.width;
        if (format.height - height <= 2) height = format.height;
        width = fit(width, format.width);
        height = fit(height, format.height);
        const auto x = (format.width - width) / 4 * 2;
        const auto y = (format.height - height) / 4 * 2;
        const bool to_full = format.colour.full_range && !is_rgb(format.pixel_format);
        auto text = fmt::format(
            "scale=w={}:h={}:flags={}:in_color_matrix={}:out_color_matrix={}:in_range={}:out_range="
            "{},format={}",
            width,
            height,
            kExactScale,
            matrix_name(in.colour.matrix),
            matrix_name(format.colour.matrix),
            in.colour.full_range || is_rgb(in.pixel_format) ? "full" : "limited",
            to_full ? "full" : "limited",
            format.pixel_format);
        if (width != format.width || height != format.height) {
            text += fmt::format(
                ",pad=w={}:h={}:x={}:y={}:color=black", format.width, format.height, x, y);
        }
        return text + fmt::format(",setsar={}/{}", out_sar.num, out_sar.den);
    }

    [[nodiscard]] bool matches() const {
        return input->width == format.width && input->height == format.height &&
               input->pixel_format == format.pixel_format &&
               input->colour.full_range == format.colour.full_range;
    }
};

ConformSizeStage::ConformSizeStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConformSizeStage::~ConformSizeStage() = default;

PictureFormat source_format(const pipeline::VideoPlan& plan) {
    return {plan.source_width,
            plan.source_height,
            plan.source_pixel_format,
            plan.source_sar,
            plan.source_colour};
}

Result<std::unique_ptr<ConformSizeStage>> ConformSizeStage::create(const PictureFormat& format) {
    if (format.width < 1 || format.height < 1 ||
        av_get_pix_fmt(format.pixel_format.c_str()) == AV_PIX_FMT_NONE) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("conforming pictures to {}x{} {}: no such picture format",
                                 format.width,
                                 format.height,
                                 format.pixel_format)};
    }
    auto state = std::make_unique<State>();
    state->format = format;
    return std::unique_ptr<ConformSizeStage>(new ConformSizeStage(std::move(state)));
}

Result<Flow> ConformSizeStage::process(int, Item item, Emit& out) {
    auto& s = *state_;
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        s.input = start->info;
        s.chain.reset();  // swscale keeps no pictures back
        s.passes = s.matches();
        if (s.announced) return Flow::kContinue;
        s.announced = true;
        auto info = std::make_shared<media::StreamInfo>(*s.input);
        info->width = static_cast<int>(s.format.width);
        info->height = static_cast<int>(s.format.height);
        info->pixel_format = s.format.pixel_format;
        info->sar = s.format.sar;
        info->colour = s.format.colour;
        return out.emit(0, pipeline::StreamStart{std::move(info)});
    }
    auto* frame = std::get_if<Frame>(&item);
    if (frame == nullptr) return out.emit(0, std::move(item));
    if (s.input == nullptr)
        return Error{Errc::kInternal, "conforming: a picture came before its stream was described"};
    const auto finish = [&](Frame done) {
        set_colour(*done.native(), s.format.colour);
        done.native()->sample_aspect_ratio = {static_cast<int>(s.format.sar.num),
                                              static_cast<int>(s.format.sar.den)};
        return out.emit(0, std::move(done));
    };
    if (s.passes) return finish(std::move(*frame));
    if (!s.chain) {
        SG_TRY_ASSIGN(
            s.chain,
            FilterChain::create(
                s.conversion(), *frame->native(), s.input->timebase, s.input->frame_rate));
    }
    SG_TRY(s.chain->send(std::move(*frame)));
    while (true) {
        SG_TRY_ASSIGN(auto converted, s.chain->receive());
        if (!converted) return Flow::kContinue;
        SG_TRY_ASSIGN(const auto flow, finish(std::move(*converted)));
        if (flow == Flow::kDone) return flow;
    }
}

}  // namespace sg::transcoders
