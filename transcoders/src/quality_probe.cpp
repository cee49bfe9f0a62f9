#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <media_av/libav.hpp>
#include <transcoders/quality_probe.hpp>

namespace sg::transcoders {

using media::Frame;
using pipeline::Emit;
using pipeline::Flow;
using pipeline::Item;

namespace {

constexpr std::size_t kMostApart = 64;

template <class Sample>
struct Plane {
    const std::uint8_t* data = nullptr;
    std::ptrdiff_t stride = 0;
    [[nodiscard]] const Sample* row(std::ptrdiff_t y) const {
        return reinterpret_cast<const Sample*>(data + y * stride);
    }
};

template <class Sample>
double mean_error(const Plane<Sample>& a, const Plane<Sample>& b, int width, int height) {
    double total = 0;
    for (int y = 0; y < height; ++y) {
        const auto* left = a.row(y);
        const auto* right = b.row(y);
        std::uint64_t sum = 0;
        for (int x = 0; x < width; ++x) {
            const auto difference = std::int64_t{left[x]} - right[x];
            sum += static_cast<std::uint64_t>(difference * difference);
        }
        total += static_cast<double>(sum);
    }
    return total / (static_cast<double>(width) * height);
}

/// Sums over a 4x4 block.
struct Block {
    double a = 0;
    double b = 0;
    double squares = 0;
    double product = 0;
};

template <class Sample>
Block block(const Plane<Sample>& a, const Plane<Sample>& b, int x0, int y0) {
    std::uint64_t sa = 0;
    std::uint64_t sb = 0;
    std::uint64_t squares = 0;
    std::uint64_t product = 0;
    for (int y = y0; y < y0 + 4; ++y) {
        for (int x = x0; x < x0 + 4; ++x) {
            const std::uint64_t p = a.row(y)[x];
            const std::uint64_t q = b.row(y)[x];
            sa += p;
            sb += q;
            squares += p * p + q * q;
            product += p * q;
        }
    }
    return {static_cast<double>(sa),
            static_cast<double>(sb),
            static_cast<double>(squares),
            static_cast<double>(product)};
}

/// Structural similarity over 8x8 windows every four samples, with the usual constants (K1 = 0.01,
/// K2 = 0.03).
template <class Sample>
double similarity(
    const Plane<Sample>& a, const Plane<Sample>& b, int width, int height, double most) {
    const int across = width / 4;
    const int down = height / 4;
    if (across < 2 || down < 2) return 1;
    const double c1 = 0.01 * 0.01 * most * most;
    const double c2 = 0.03 * 0.03 * most * most;
    std::vector<Block> above(static_cast<std::size_t>(across));
    std::vector<Block> row(static_cast<std::size_t>(across));
    double total = 0;
    for (int y = 0; y < down; ++y) {
        std::swap(above, row);
        for (int x = 0; x < across; ++x)
            row[static_cast<std::size_t>(x)] = block(a, b, 4 * x, 4 * y);
        if (y == 0) continue;
        for (std::size_t x = 0; x + 1 < row.size(); ++x) {
            Block sum;
            for (const auto* part : {&above[x], &above[x + 1], &row[x], &row[x + 1]}) {
                sum.a += part->a;
                sum.b += part->b;
                sum.squares += part->squares;
                sum.product += part->product;
            }
            constexpr double kCount = 64;
            const double mean_a = sum.a / kCount;
            const double mean_b = sum.b / kCount;
            const double variances =
                (sum.squares - kCount * (mean_a * mean_a + mean_b * mean_b)) / (kCount - 1);
            const double covariance = (sum.product - kCount * mean_a * mean_b) / (kCount - 1);
            total += (2 * mean_a * mean_b + c1) * (2 * covariance + c2) /
                     ((mean_a * mean_a + mean_b * mean_b + c1) * (variances + c2));
        }
    }
    return total / (static_cast<double>(across - 1) * (down - 1));
}

double decibels(double error, int depth) {
    const double most = static_cast<double>((1 << depth) - 1);
    return error <= 0 ? 100.0 : std::min(100.0, 10 * std::log10(most * most / error));
}

template <class Sample>
void measure_plane(
    const AVFrame& a, const AVFrame& b, int plane, int width, int height, QualityReport& report) {
    const Plane<Sample> left{a.data[plane], a.linesize[plane]};
    const Plane<Sample> right{b.data[plane], b.linesize[plane]};
    const auto at = static_cast<std::size_t>(plane);
    report.mean_squared_error[at] += mean_error(left, right, width, height);
    report.ssim[at] +=
        similarity(left, right, width, height, static_cast<double>((1 << report.bit_depth) - 1));
    report.samples[at] = std::int64_t{width} * height;
}

double weighted(const QualityReport& report, const std::array<double, 3>& values) {
    double sum = 0;
    double weight = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        sum += values[i] * static_cast<double>(report.samples[i]);
        weight += static_cast<double>(report.samples[i]);
    }
    return weight > 0 && report.frames > 0 ? sum / weight / static_cast<double>(report.frames) : 0;
}

}  // namespace

void QualityReport::add(const QualityReport& other) {
    frames += other.frames;
    for (std::size_t i = 0; i < 3; ++i) {
        mean_squared_error[i] += other.mean_squared_error[i];
        ssim[i] += other.ssim[i];
        if (other.frames > 0) samples[i] = other.samples[i];
    }
    if (other.frames > 0) bit_depth = other.bit_depth;
}

double QualityReport::psnr(int plane) const {
    if (frames == 0) return 0;
    return decibels(
        mean_squared_error[static_cast<std::size_t>(plane)] / static_cast<double>(frames),
        bit_depth);
}
double QualityReport::psnr_average() const {
    return frames == 0 ? 0 : decibels(weighted(*this, mean_squared_error), bit_depth);
}
double QualityReport::ssim_of(int plane) const {
    return frames == 0 ? 0 : ssim[static_cast<std::size_t>(plane)] / static_cast<double>(frames);
}
double QualityReport::ssim_average() const {
    return weighted(*this, ssim);
}

Status measure(const Frame& reference, const Frame& decoded, QualityReport& report) {
    const auto& a = *reference.native();
    const auto& b = *decoded.native();
    const auto* descriptor = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(a.format));
    const bool planar =
        descriptor != nullptr && (descriptor->flags & AV_PIX_FMT_FLAG_PLANAR) != 0 &&
        (descriptor->flags & AV_PIX_FMT_FLAG_RGB) == 0 && descriptor->nb_components == 3;
    if (!planar || a.format != b.format || a.width != b.width || a.height != b.height) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("measuring quality: pictures of {}x{} (format {}) and {}x{} "
                                 "(format {}) cannot be compared",
                                 a.width,
                                 a.height,
                                 a.format,
                                 b.width,
                                 b.height,
                                 b.format)};
    }
    report.bit_depth = descriptor->comp[0].depth;
    for (int plane = 0; plane < 3; ++plane) {
        const int width = plane == 0 ? a.width : AV_CEIL_RSHIFT(a.width, descriptor->log2_chroma_w);
        const int height =
            plane == 0 ? a.height : AV_CEIL_RSHIFT(a.height, descriptor->log2_chroma_h);
        if (report.bit_depth > 8) {
            measure_plane<std::uint16_t>(a, b, plane, width, height, report);
        } else {
            measure_plane<std::uint8_t>(a, b, plane, width, height, report);
        }
    }
    ++report.frames;
    return {};
}

struct QualityProbe::State {
    QualityReport* report = nullptr;
    std::array<std::deque<Frame>, 2> waiting;
    std::array<bool, 2> ended{};
};

QualityProbe::QualityProbe(std::unique_ptr<State> state) : state_(std::move(state)) {}
QualityProbe::~QualityProbe() = default;

Result<std::unique_ptr<QualityProbe>> QualityProbe::create(QualityReport& report) {
    auto state = std::make_unique<State>();
    state->report = &report;
    return std::unique_ptr<QualityProbe>(new QualityProbe(std::move(state)));
}

Result<Flow> QualityProbe::process(int port, Item item, Emit&) {
    auto& s = *state_;
    const auto at = static_cast<std::size_t>(port);
    if (auto* frame = std::get_if<Frame>(&item)) s.waiting[at].push_back(std::move(*frame));
    if (std::holds_alternative<pipeline::EndOfStream>(item)) s.ended[at] = true;
    while (!s.waiting[0].empty() && !s.waiting[1].empty()) {
        const auto& reference = s.waiting[0].front();
        const auto& decoded = s.waiting[1].front();
        if (reference.pts() != decoded.pts()) {
            return Error{
                Errc::kMismatch,
                fmt::format(
                    "measuring quality: frame {} of the source meets frame {} of the rendition",
                    reference.pts(),
                    decoded.pts())};
        }
        SG_TRY(measure(reference, decoded, *s.report));
        s.waiting[0].pop_front();
        s.waiting[1].pop_front();
    }
    const auto left = std::max(s.waiting[0].size(), s.waiting[1].size());
    if (left > kMostApart || (s.ended[0] && s.ended[1] && left > 0)) {
        return Error{
            Errc::kMismatch,
            fmt::format("measuring quality: {} frames have no partner in the other stream", left)};
    }
    return Flow::kContinue;
}

}  // namespace sg::transcoders
