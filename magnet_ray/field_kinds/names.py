"""The names under which each kind of field value goes: `kind: name, name, …`, words in lower case.

Earlier lines win where a name stands twice; indented lines continue the line before.
"""

from typing import Final

FIELD_NAMES: Final = """
city: town, destination city, city name, origin city, departure city, arrival city
country: nation, territory, destination country, geo
country_code: alpha 2, cca 2, country iso, iso, gl, iso code, country short
region: province, county, district, state name, area name, admin
location: place, destination, origin, where, site, venue location, from location, to location, near, pickup, dropoff, departure,
    arrival, neighborhood, spot
us_state_code: state code, state abbreviation
us_state: state
timezone: time zone, tz, time utc offset
postcode: zip, zipcode, zip code, postal code, postal
airport: iata, iata code, airport code, departure airport, arrival airport, origin airport, destination airport
latitude: lat
longitude: lon, lng, long
coordinates: gps coordinates, coords, latlng, lat lng, latlon, position coordinates
address: street, street address, shipping address, billing address, home address, line
person: full name, fullname, founder, agent name, mentor, mentor name, interviewer, nominee, therapist, consultant, consultant name,
    advertiser, nephrologist, investigator, maintainer, chef, brewer, narrator, champion, winner name, author, director, writer,
    actor, customer, patient, student, employee, user, member, owner, client, recipient, sender, teacher, instructor, coach, player,
    contact, donor, volunteer, candidate, guest, host, passenger, holder, doctor, nurse, speaker, manager, creator, editor,
    photographer, assignee, specialist, expert, philosopher, scientist, celebrity, athlete, architect, poet, researcher, leader,
    politician, child, participant name, contributor, beneficiary, subscriber, display name, driver, judge, composer, designer,
    resident, applicant, lawyer, staff
first_name: firstname, given name, fname, forename
last_name: lastname, surname, family name, lname
username: user name, handle, screen name, login, nickname, account name, nick, unique name
email: mail, email address, contact email, recipient email
company: business, organization name, employer, brand, manufacturer, vendor, supplier, publisher, provider, client name, firm,
    merchant, seller, corporation, studio, operator, bank, startup
organisation: organization, nonprofit, charity, foundation, ngo, institution, agency, association, partner
product: item, goods, merchandise, sku name, accessory, gift, equipment, tool
sport: discipline, sport type
team: club, home team, away team, opponent, squad, team1, team2
league: tournament, competition, championship, cup
artist: band, singer, musician, performer, artists
song: track, tune, music, song title, track name, single
work: title, movie, film, book, series, show, episode, album, novel, playlist, podcast, play, video, original title, poem, manga,
    anime, article, paper, publication, journal, course, chapter, document
food: menu, dish, meal, recipe, menu item, cuisine dish, food item
ingredient: ingredients
animal: species, animal type, pet, breed, organism, wildlife
plant: crop, tree, flower, crop type, plant species, vegetable, fruit, seed
disease: illness, condition, diagnosis, disorder, medical condition, infection
medicine: drug, medication, medications, drug name
symptom: complaint, side effect, side effects, adverse effects
event: conference, concert, festival, match, workshop, meeting, campaign, session, webinar
venue: hall, theater, stadium, arena, museum, gallery, room, building
hotel: accommodation, property, lodging, resort
restaurant: cafe, bar
vehicle: car, vehicle model, model, vehicle type, truck, bus, aircraft
make: car make, vehicle make
airline: airlines
game: games, game title
software: app, application, system, program name, app name, plugin
database: database name
platform: social media platform, channel, social network, network, website name
project: projects, program, initiative, team project
library: libraries
school: university, college, academy
hospital: clinic, facility
device: robot, sensor, machine, appliance, device type, component, part
dataset: data set, data, input data, database table, table, corpus, records
subject: study area, field of study, major, course subject
activity: goal, objective, purpose, exercise, hobby, workout, activities, sport activity, task, class
job: occupation, profession, job title, role, position title, career, designation
department: division, unit name, team department
chemical: compound, substance, element, molecule, reagent, solution, solvent
gas: pollutant, emission
topic: topics, interest, theme, query, q, keyword, keywords, search, search term, term, search query, k, s, question, tag line,
    string, concept, issue, search terms, kw, phrase, searchterm, search keyword, focus, hashtag, research topic
news: headline, headlines
coin: cryptocurrency, crypto currency
language: lang name, language name, source language, target language, from language, to language, original language, output
    language
language_code: lang, hl, lr, lang code, language code, iso 639 1
currency: base currency, quote currency, from currency, to currency, base, currency code, target currency, source currency
symbol: ticker, stock, ticker symbol, stock symbol, symbols, tickers, security, index symbol
crypto: coin symbol, crypto symbol
genre: genres
music_genre: music genre
cuisine: cuisine type, diet
color: colour, colors, background color name
hex_color: background color, foreground color, hex, stroke, fill, color code, bgcolor, theme color
material: materials, building material, fabric
industry: sector, market sector, niche
skill: skills, competence
method: technique, approach, algorithm, procedure, test type, analysis type, model type, methodology
artwork: medium, art form
style: design style, art style, architectural style, theme style
audience: target audience, demographic, population group, target group
period: time period, time frame, timeframe, date range, time range, interval period
age_group: age range
size: clothing size, shirt size
level: difficulty, difficulty level, skill level, experience level, proficiency, fitness level, education level
grade: severity, intensity, importance, urgency, quality, security level
priority: priority level
status: state of order, order status, payment status, current status, availability status
gender: sex
weekday: day of week, day name, open days, weekday name
season: time of year
zodiac: sign, sunsign, star sign, horoscope sign
weather: weather condition, conditions, forecast, sky, condition text, weather description
file: file name, filename, file path, path, attachment, image file, audio file, video file, pdf, folder, key file, storage name,
    audio, picture, photo
unit: units, measurement unit, unit of measure
tag: tags, label, labels
word: words, vocabulary, rhyme, w
sentence: text, message, description, summary, sentence text, content, body, paragraph, note, notes, caption, input text,
    feedback, reason, txt, statement, information, transcript, speech
sunrise: dawn
sunset: dusk
domain: host, hostname, site domain, domain name
market: marketplace, storefront
locale: lang ID, language locale
version: release version, app version
format: output format, output, file format, file type, extension, response format
sort: sort by, order by, sort field
order: sort order, sort direction, direction
interval: frequency interval, granularity, resolution, timespan, recurrence
position: playing position
sentiment: mood, emotion, tone, attitude
risk: risk level, risk assessment
availability: in stock, availability text
day_part: time of day, part of day
blood: blood type, blood group
mode: operation mode, travel mode
carrier: courier, shipping carrier, shipping method
browser: user agent
date: day, on date, date from, date to, start date, end date, from date, to date, start, end, since, until, date start, date end,
    begin, specific date
future_date: departure date, return date, arrival date, check in, check out, checkin, checkout, check in date, check out date, due
    date, deadline, delivery date, event date, booking date, estimated delivery date, appointment date, expiration date, expiry
    date, reservation date, travel date, estimated delivery, pickup date, valid until, expires
past_date: created, created date, release date, publication date, publish date, purchase date, hire date, published, incident
    date, last updated, modified, posted, founded date, registration date, collection date, released, transaction date, release,
    discovery date
birth_date: birthday, date of birth, birthdate, dob, birth
moment: created at, updated at, timestamp, datetime, date time, published at, last update, time stamp, createdtime, modified at,
    dateadded, last modified, raw date heure, pub date, utc, start at, time published
time: start time, end time, opening time, closing time, departure time, arrival time, hour minute, opens, closes, appointment
    time, reservation time, time slot, local time
url: link, website, href, webpage, site url, web page, website url, uri, homepage, weburl, page url, video url, permalink, source
    url, next, web url, website link, feed
image: image url, photo url, thumbnail, avatar, icon, logo, picture url, thumbnail url, img, poster, cover, flag, imageurl, thumb,
    profile image, flag url, photo link, avatar url, icon url, logo url, banner
phone: phone number, mobile, telephone, contact number, msisdn, cell, fax, tel
ip: ip address, ipaddr
token: api key, apikey, access token, key, secret, auth, auth token, creds checksum, session, signature, captcha
slug: alias
hash: checksum, md5, sha, firmware hash, etag
sequence: dna sequence, dna, gene sequence, protein sequence
blood_pressure: bp
isbn: isbn 13
doi: doi number
flight: flight number, flight code
plate: license plate, licence plate, registration
dimensions: measurements, image size
age: ages, min age, max age, patient age
year: years active, publication year, season year, release year, founded, year built, end year, start year, birth year, year
    released, graduation year, model year
quantity: qty, stock quantity, item count, num
price: cost, fare, fee, amount due, unit price, total price, close, open, high, low, last, ask, bid, premium amount, premium,
    estimated cost, total cost, rent, min price, max price, market price, previous close, average price, cpc, bill, charge,
    subtotal, tax, shipping cost, adult price
budget: max budget, funding, grant amount, loan amount, deductible, coverage amount, savings, debt, annual budget
salary: income, wage, pay, annual income
revenue: sales, profit, earnings, turnover, market cap, net income, assets, gdp, expenses, total revenue, investment, valuation,
    liabilities
amount: value, payment amount, donation amount, total amount, balance, donation, transaction amount, sum, payment, x, y, a, b,
    number, n, volume amount
temperature: temp, temperature celsius, celsius, max temp, min temp, feels like, melting point, boiling point, dew point,
    fahrenheit, high temperature, low temperature
percent: percentage, humidity percent, share, completion, progress, battery level, coverage, occupancy, discount, efficiency,
    utilization, satisfaction, accuracy percent, cloud cover, battery
rate: interest rate, conversion rate, growth rate, exchange rate, tax rate, inflation, growth, unemployment, bounce rate,
    interest, yield
fraction: probability, confidence, accuracy, similarity, threshold, precision, recall, likelihood, ratio value, sentiment score,
    coefficient, weight factor, relevance, correlation, opacity, alpha
rating: average rating, imdb rating, review score, star rating, min rating, vote average, popularity
score: total score, health score, points, grade point, quality score, performance score, risk score, test score, index
distance: radius, range, mileage, miles, max distance, travel distance, displacement
weight: body weight, package weight, load
height: elevation, body height, altitude, wave height
length: width, thickness, diameter, perimeter, word length, size in meters
depth: water depth
area: square feet, floor area, land area, surface area, property size, farm size, field size, plot size, acreage
volume: capacity liters, water volume
speed: velocity, max speed, wind speed, flow, flow rate, current flow
pressure: air pressure, atmospheric pressure
humidity: moisture, soil moisture, relative humidity
duration: minutes, runtime, duration minutes, length minutes, wait time, estimated time, time limit, session duration, travel
    time, estimated duration, delay, preparation time, cooking time, response time, eta
seconds: duration seconds, timeout, secs
hours: hours worked, num hours
days: number of days, num days, stay, nights, number of nights
months: number of months, loan term months
years: number of years, lifetime, lifespan, life expectancy, experience, years of experience, term, loan term, seniority
count: total, number of, size count, num, total count, results count, likes, comments, downloads, followers, impressions, clicks,
    conversions, reach, cases, visitors, wins, losses, goals, shares, attendance, deaths, orders, votes, errors, transactions,
    copies, visits, users, total results, matches, available copies, participants, attendees
population: inhabitants
views: view count, play count, listeners, subscribers, plays, search volume, traffic, monthly visits, stargazers
page: page number, current page, page index, p, total pages, page no, pageno, pages
limit: per page, page size, max results, top, take, first, rows, results per page, perpage, max count, pagesize, maxresults,
    number of results, num results, list size
offset: skip, from index, start index
rank: ranking, place number, standing, position rank
capacity: seating capacity, max capacity
power: energy, energy consumption, output power, power output, consumption, wave power, electricity
voltage: volts
current: amperage
frequency: sampling rate, bandwidth, sample rate
heart_rate: pulse, bpm, tempo
calories: energy kcal, kcal, calorie
change: chg, price change, difference, delta, pct change, variance, change percent, five yr change
month_number: month index
pixels: image width, image height, resolution pixels, font size, padding, margin, thumbnail width
grade_number: grade level, school grade
angle: rotation, degrees, heading, bearing, tilt, slope, hue
ph: ph level, soil ph, acidity
guests: party size, adults, children, travelers, number of guests, number of people, passengers, people, group size, family size,
    rooms, bedrooms, bathrooms, servings, seats, number of participants, number of rooms, number of adults, team size, beds,
    children count, guest number, room number
status_code: statuscode, http code, http status
mass: object mass, initial mass
density: population density
concentration: dosage, dose, concentration level, molarity, strength
latency: ping, delay ms
storage: memory, disk, file size, size gb, data size, storage size
deviation: standard deviation, error margin, std
p_value: significance level, significance, pvalue
category: categories, category name, section name, sub category, subcategory, product category, main category
news_source: source name, news source, newspaper, publication name, broadcaster
amenity: amenities, establishment, poi type, place type
habitat: habitats, ecosystem, biome
climate: climate type, climate zone
joke: jokes, punchline
saying: quote, quotation, quote text, quotes, proverb, motto
fact: facts, fun fact, trivia fact
riddle: trivia question, quiz question
remark: comment, comments text, tweet, tweet text, review, review text, post, post text, reply text
drink: drinks, cocktail, cocktails, wine, coffee, beverage, beverages, beer
celestial: celestial object, planet, star, galaxy
character: characters, hero, champion name
city: headquarters, capital, state capital, suburb, municipality, home town, hometown
platform: snapchat, spotify
software: generator, registrar, network technology, engine, operating system, browser name
count: assists, kills, incidents, leads generated, mentions, engagements, medals, goals scored, yellow cards, red cards, matches
    played, purchases, repetitions, new customers acquired, sold, pending, deals completed
percent: saturation, lightness, cyan, magenta, yellow, cpu usage, memory usage, disk usage, oxygen saturation, gross margin, gross
    profit margin, profit margin, efficiency improvement, roi, estimated roi, porosity, market share, ctr, percentile, gini index,
    effectiveness, tax bracket
revenue: operating cash flow, investing cash flow, financing cash flow, funds raised, assets under management, market size, operating
    income, gross profit, equity, total assets, total liabilities, cash, inventory value
price: price usd, cost estimate, prize money, estimated cost
fraction: hdi, p
moment: expires at, updated time, creation date, last checked, localtime, published text
past_date: date listed, date uploaded, born, pagecreatedate
future_date: expiration, credit card expire
"""
