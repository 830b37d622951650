// SPDX-License-Identifier: Apache-2.0
// An XML file whose elements know their line, so that what is wrong in one is refused by it.
#pragma once

#include <retinue/detail/file.hpp>  // read_file, in_quotes
#include <retinue/error.hpp>        // fail

#include <pugixml.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace retinue::detail {

class xml_file {
 public:
  explicit xml_file(const std::filesystem::path& file)
      : name_(file.string()), bytes_(read_file(file))
  {
    // Taken as it stands, whatever encoding it declares: a conversion would move the lines.
    const auto result = document_.load_buffer(bytes_.data(), bytes_.size(), pugi::parse_default,
                                              pugi::encoding_utf8);
    if (result.status == pugi::status_out_of_memory) throw std::bad_alloc();
    if (!result) refuse_at(result.offset, "not XML: ", result.description());
  }
  xml_file(const xml_file&) = delete;
  xml_file& operator=(const xml_file&) = delete;

  [[nodiscard]] pugi::xml_node root(const char* expected) const
  {
    const auto found = document_.document_element();
    if (std::string_view(found.name()) != expected)
      fail(name_, ": the outer element is ", in_quotes(found.name()), ", expected <", expected,
           ">");
    return found;
  }

  [[nodiscard]] pugi::xml_node child(pugi::xml_node of, const char* name) const
  {
    const auto found = of.child(name);
    if (!found) refuse(of, "<", of.name(), "> has no <", name, ">");
    return found;
  }

  [[nodiscard]] std::string_view attribute(pugi::xml_node of, const char* name) const
  {
    const auto found = of.attribute(name);
    if (!found) refuse(of, "<", of.name(), "> has no ", name);
    return found.value();
  }

  /// `what` names the text in the message; `of` is where it stands.
  [[nodiscard]] double number(pugi::xml_node of, std::string_view what, std::string_view text) const
  {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    double value = 0;
    const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (trouble != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
      refuse(of, what, " is ", in_quotes(text), ", expected a number");
    return value;
  }

  [[nodiscard]] double number(pugi::xml_node of, const char* attribute_name) const
  {
    return number(of, attribute_name, attribute(of, attribute_name));
  }

  template <class... Parts>
  [[noreturn]] void refuse(pugi::xml_node at, const Parts&... parts) const
  {
    refuse_at(at.offset_debug(), parts...);
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse_at(std::ptrdiff_t offset, const Parts&... parts) const
  {
    const auto read =
        std::min(static_cast<std::size_t>(std::max(offset, std::ptrdiff_t{0})), bytes_.size());
    const auto text = characters(bytes_).substr(0, read);
    fail(name_, ":", 1 + std::count(text.begin(), text.end(), '\n'), ": ", parts...);
  }

  std::string name_;
  std::vector<std::byte> bytes_;
  pugi::xml_document document_;
};

}  // namespace retinue::detail
