#include <new>
#include <utility>

#include <media/packet.hpp>
#include <media_av/libav.hpp>

namespace sg::media {

Packet::Packet() : packet_(av_packet_alloc()) {
    if (packet_ == nullptr) throw std::bad_alloc();
}
Packet::Packet(AVPacket* packet) : packet_(packet) {}
Packet::~Packet() {
    if (packet_ != nullptr) av_packet_free(&packet_);
}
Packet::Packet(Packet&& other) noexcept : packet_(std::exchange(other.packet_, nullptr)) {}
Packet& Packet::operator=(Packet&& other) noexcept {
    std::swap(packet_, other.packet_);
    return *this;
}

Packet Packet::share() const {
    AVPacket* copy = av_packet_clone(packet_);
    if (copy == nullptr) throw std::bad_alloc();
    return Packet(copy);
}

std::span<const std::byte> Packet::data() const {
    return {reinterpret_cast<const std::byte*>(packet_->data),
            static_cast<std::size_t>(packet_->size)};
}
std::int64_t Packet::pts() const {
    return packet_->pts;
}
std::int64_t Packet::dts() const {
    return packet_->dts;
}
std::int64_t Packet::duration() const {
    return packet_->duration;
}
int Packet::stream() const {
    return packet_->stream_index;
}
bool Packet::key() const {
    return (packet_->flags & AV_PKT_FLAG_KEY) != 0;
}
std::int64_t Packet::position() const {
    return packet_->pos;
}

}  // namespace sg::media
