// SPDX-License-Identifier: Apache-2.0
// Reads and writes safetensors: the public form of weights that is nothing but numbers.
//
//   8 bytes    length of the header, little endian
//   header     JSON: {"name": {"dtype": "F32", "shape": [8, 3], "data_offsets": [begin, end]}, ...,
//              "__metadata__": {"key": "text", ...}}
//   the rest   the elements, C order; the offsets count from its beginning and cover all of it once
#pragma once

#include <retinue/detail/file.hpp>         // read_file, replace_file, in_quotes
#include <retinue/weights/state_dict.hpp>  // the result

#include <nlohmann/json.hpp>  // the header

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {

/// In the order of dtype.
inline constexpr std::array<std::string_view, 10> safetensors_types{
    "BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"};

/// Takes the header as it is parsed: an object of objects whose lists hold numbers, nothing deeper.
class safetensors_header final : public nlohmann::json_sax<nlohmann::json> {
 public:
  struct entry {
    std::string name;
    std::optional<dtype> type;
    std::optional<std::vector<std::uint64_t>> shape, offsets;
  };

  std::vector<entry> entries;
  std::map<std::string, std::string> metadata;

  explicit safetensors_header(const std::string& source) : source_(source) {}

  bool key(std::string& name) override
  {
    key_ = name;
    if (depth_ == 2) {
      if (!fields_.insert(name).second) refuse("has the key ", in_quotes(name), " twice");
      return true;
    }
    if (!names_.insert(name).second) refuse("has the name ", in_quotes(name), " twice");
    in_metadata_ = name == "__metadata__";
    name_ = name;
    return true;
  }

  bool start_object(std::size_t) override
  {
    if (depth_ == 2 || list_) refuse("nests objects deeper than a tensor's description");
    if (++depth_ == 1) return true;
    fields_.clear();
    if (!in_metadata_) entries.push_back({name_, {}, {}, {}});
    return true;
  }

  bool end_object() override
  {
    if (--depth_ == 1 && !in_metadata_) {
      const entry& e = entries.back();
      if (!e.type || !e.shape || !e.offsets || e.offsets->size() != 2)
        refuse("describes ", in_quotes(e.name), " without its dtype, shape or two data_offsets");
    }
    return true;
  }

  bool start_array(std::size_t) override
  {
    if (depth_ != 2 || in_metadata_ || list_) refuse("has a list where none belongs");
    auto& described = entries.back();
    if (key_ == "shape")
      list_ = &described.shape.emplace();
    else if (key_ == "data_offsets")
      list_ = &described.offsets.emplace();
    else
      refuse("has a list under ", in_quotes(key_));
    return true;
  }

  bool end_array() override
  {
    list_ = nullptr;
    return true;
  }

  bool number_unsigned(number_unsigned_t number) override
  {
    if (!list_) refuse("has a number where none belongs");
    if (list_->size() == 64)
      refuse("describes ", in_quotes(name_), " with more than 64 dimensions");
    list_->push_back(number);
    return true;
  }

  bool string(std::string& text) override
  {
    if (depth_ == 2 && in_metadata_) {
      metadata[key_] = text;
      return true;
    }
    if (depth_ != 2 || list_ || key_ != "dtype") refuse("has a string where none belongs");
    const auto known = std::find(safetensors_types.begin(), safetensors_types.end(), text);
    if (known == safetensors_types.end())
      refuse("gives ", in_quotes(name_), " the dtype ", in_quotes(text),
             ", which is not supported");
    entries.back().type = static_cast<dtype>(known - safetensors_types.begin());
    return true;
  }

  bool null() override { refuse("has a null"); }
  bool boolean(bool) override { refuse("has a boolean"); }
  bool number_integer(number_integer_t) override { refuse("has a negative number"); }
  bool number_float(number_float_t, const std::string&) override { refuse("has a fraction"); }
  bool binary(binary_t&) override { refuse("has binary content"); }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override
  {
    refuse("is not JSON, as byte ", at, " of it shows");
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const
  {
    fail(source_, ": the header ", parts...);
  }

  const std::string& source_;
  int depth_ = 0;
  bool in_metadata_ = false;
  std::string name_, key_;
  std::set<std::string> names_, fields_;
  std::vector<std::uint64_t>* list_ = nullptr;
};

}  // namespace detail

/// The weights in bytes of this form; `source` begins the message of every error. Throws where they
/// are of another, or cut off.
[[nodiscard]] inline state_dict read_safetensors(detail::byte_view bytes, const std::string& source)
{
  constexpr std::size_t prefix = 8;
  if (bytes.size() < prefix)
    fail(source, ": too short for safetensors, at ", bytes.size(), " bytes");
  const auto length = detail::little_endian<std::uint64_t>(bytes, 0);
  if (length > bytes.size() - prefix)
    fail(source, ": the header has ", length, " bytes, but the file only ", bytes.size(),
         "; it is damaged or cut short");
  const auto text = detail::characters(bytes.subspan(prefix, static_cast<std::size_t>(length)));
  if (!text.starts_with('{')) fail(source, ": the header does not begin with {");
  if (const auto zero = text.find('\0'); zero != text.npos)  // which the parser takes for its end
    fail(source, ": the header is not JSON, as byte ", zero, " of it shows");
  const auto data = bytes.subspan(prefix + text.size());
  detail::safetensors_header header(source);
  nlohmann::json::sax_parse(text.begin(), text.end(), &header);

  std::vector<std::size_t> order(header.entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto &x = *header.entries[a].offsets, &y = *header.entries[b].offsets;
    // Not the lists as such: libstdc++ 12 compares those of numbers wrongly where machines are big
    // endian (its bug 113960).
    return std::pair(x[0], x[1]) < std::pair(y[0], y[1]);
  });
  std::uint64_t covered = 0;
  for (const std::size_t i : order) {
    const auto& offsets = *header.entries[i].offsets;
    if (offsets[0] != covered || offsets[1] < offsets[0] || offsets[1] > data.size())
      fail(source, ": ", detail::in_quotes(header.entries[i].name), " has the bytes ", offsets[0],
           " to ", offsets[1], " where ", covered, " to at most ", data.size(), " were expected");
    covered = offsets[1];
  }
  if (covered != data.size())
    fail(source, ": the tensors cover ", covered, " of the ", data.size(), " bytes of elements");

  state_dict made;
  made.metadata = std::move(header.metadata);
  for (const auto& entry : header.entries) {
    host_tensor tensor{*entry.type, {}, {}};
    for (const std::uint64_t extent : *entry.shape)
      tensor.shape.push_back(static_cast<std::int64_t>(std::min<std::uint64_t>(extent, INT64_MAX)));
    const auto count = element_count(tensor.shape);
    const std::uint64_t size = (*entry.offsets)[1] - (*entry.offsets)[0];
    if (!count || size % size_of(tensor.type) != 0 ||
        size / size_of(tensor.type) != static_cast<std::uint64_t>(*count))
      fail(source, ": ", detail::in_quotes(entry.name), " of ", name_of(tensor.type), " and shape ",
           text_of(tensor.shape), " does not take the ", size, " bytes that it has");
    const auto from =
        data.subspan(static_cast<std::size_t>((*entry.offsets)[0]), static_cast<std::size_t>(size));
    tensor.bytes.assign(from.begin(), from.end());
    detail::reorder(tensor.bytes, size_of(tensor.type));
    made.insert(entry.name, std::move(tensor));
  }
  return made;
}

/// The weights in a file of this form, in the order of its header. Throws `error` for anything
/// else.
[[nodiscard]] inline state_dict read_safetensors(const std::filesystem::path& file)
{
  const auto bytes = detail::read_file(file);
  return read_safetensors(bytes, file.string());
}

/// Writes weights and metadata; a file of that name is replaced in one step, or not at all. Wide
/// elements come first in the file, so that all lie aligned for readers that map it. Throws where
/// the bytes of a tensor do not fit its shape, where one is called __metadata__, where a name or
/// the metadata is not UTF-8, and where the file cannot be written.
inline void write_safetensors(const std::filesystem::path& file, const state_dict& weights)
{
  std::vector<const state_dict::value_type*> order;
  for (const auto& entry : weights) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return size_of(a->second.type) > size_of(b->second.type);
  });
  std::map<std::string_view, std::uint64_t> begins;
  std::vector<detail::byte_view> parts(2);
  std::vector<std::vector<std::byte>> turned(order.size());
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& [name, tensor] = *order[i];
    if (tensor.bytes.size() != static_cast<std::uint64_t>(tensor.count()) * size_of(tensor.type))
      fail(file.string(), ": ", detail::in_quotes(name), " of shape ", text_of(tensor.shape),
           " holds ", tensor.bytes.size(), " bytes");
    begins[name] = end;
    end += tensor.bytes.size();
    parts.push_back(detail::in_little_endian(tensor.bytes, size_of(tensor.type), turned[i]));
  }
  // Put together here: a tree of JSON asks for memory in its destructor, and ends the process where
  // there is none.
  std::string text = "{";
  const auto list_of = [](const auto& numbers) {
    std::string list = "[";
    for (const auto number : numbers) list += (list.size() > 1 ? "," : "") + std::to_string(number);
    return list + "]";
  };
  try {
    const auto quoted = [](const std::string& word) { return nlohmann::json(word).dump(); };
    const auto key = [&](const std::string& word) {
      return (text.back() == '{' ? "" : ",") + quoted(word) + ":";
    };
    if (!weights.metadata.empty()) {
      text += key("__metadata__") + "{";
      for (const auto& [word, meaning] : weights.metadata) text += key(word) + quoted(meaning);
      text += "}";
    }
    for (const auto& [name, tensor] : weights) {
      if (name == "__metadata__") fail(file.string(), ": no tensor may be called ", name);
      const std::array<std::uint64_t, 2> at{begins[name], begins[name] + tensor.bytes.size()};
      text += key(name) + "{\"dtype\":\"" +
              std::string(detail::safetensors_types[static_cast<std::size_t>(tensor.type)]) +
              "\",\"shape\":" + list_of(tensor.shape) + ",\"data_offsets\":" + list_of(at) + "}";
    }
  } catch (const nlohmann::json::exception&) {
    fail(file.string(), ": a name or a text of the metadata is not UTF-8");
  }
  text += "}";
  text.append((8 - text.size() % 8) % 8, ' ');
  std::uint64_t length = text.size();
  detail::reorder(std::as_writable_bytes(std::span(&length, 1)), sizeof length);
  parts[0] = std::as_bytes(std::span(&length, 1));
  parts[1] = std::as_bytes(std::span(text));
  detail::replace_file(file, parts);
}

}  // namespace retinue
