#include <new>
#include <utility>

#include <media/frame.hpp>
#include <media_av/libav.hpp>

namespace sg::media {

Frame::Frame() : frame_(av_frame_alloc()) {
    if (frame_ == nullptr) throw std::bad_alloc();
}
Frame::Frame(AVFrame* frame) : frame_(frame) {}
Frame::~Frame() {
    if (frame_ != nullptr) av_frame_free(&frame_);
}
Frame::Frame(Frame&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
Frame& Frame::operator=(Frame&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
}

Frame Frame::share() const {
    AVFrame* copy = av_frame_clone(frame_);
    if (copy == nullptr) throw std::bad_alloc();
    return Frame(copy);
}

std::int64_t Frame::pts() const {
    return frame_->pts;
}
void Frame::set_pts(std::int64_t pts) {
    frame_->pts = pts;
}
int Frame::width() const {
    return frame_->width;
}
int Frame::height() const {
    return frame_->height;
}
int Frame::samples() const {
    return frame_->nb_samples;
}
std::size_t Frame::bytes() const {
    std::size_t total = 0;
    for (const auto* buffer : frame_->buf) {
        if (buffer != nullptr) total += buffer->size;
    }
    return total;
}

}  // namespace sg::media
