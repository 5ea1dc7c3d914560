export { type FirstLines, firstLines, type ReceivedFrom } from '@mailrail/mail';
