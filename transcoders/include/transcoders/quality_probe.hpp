#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include <base/result.hpp>
#include <media/frame.hpp>
#include <pipeline/stage.hpp>

namespace sg::transcoders {

/// Sums over pictures, so that chunks can be added up. Three planes: Y, U, V.
struct QualityReport {
    std::int64_t frames = 0;
    std::array<double, 3> mean_squared_error{};  ///< sum over frames of each frame's mean
    std::array<double, 3> ssim{};                ///< sum over frames
    std::array<std::int64_t, 3> samples{};       ///< of one picture
    int bit_depth = 8;

    void add(const QualityReport& other);
    /// Decibels of the mean error; 100 for identical pictures.
    [[nodiscard]] double psnr(int plane) const;
    /// All planes, weighted by their size.
    [[nodiscard]] double psnr_average() const;
    [[nodiscard]] double ssim_of(int plane) const;
    [[nodiscard]] double ssim_average() const;
};

/// Adds one pair of pictures. Errors: kInvalidArgument when they differ in size or format or are
/// not planar YUV of 8 to 16 bits.
[[nodiscard]] Status measure(const media::Frame& reference,
                             const media::Frame& decoded,
                             QualityReport& report);

/// Two frame streams in (port 0: the reference, port 1: the decoded rendition), nothing out. Frames
/// are paired by pts; the streams may run apart by 64 frames. Errors: kMismatch when a frame has no
/// partner.
class QualityProbe final : public pipeline::Stage {
  public:
    /// `report` is borrowed; read it when the graph has ended.
    [[nodiscard]] static Result<std::unique_ptr<QualityProbe>> create(QualityReport& report);
    ~QualityProbe() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit QualityProbe(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace sg::transcoders
